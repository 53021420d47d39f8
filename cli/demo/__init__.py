"""The demonstration: real services on loopback, a year of evidence about them, and the pack that it gives."""
