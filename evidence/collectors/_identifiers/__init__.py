"""The parts of the `identifiers` collector."""
