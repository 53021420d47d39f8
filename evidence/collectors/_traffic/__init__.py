"""The parts of the traffic collector: reading captures, taking payloads apart, and judging what is in them."""
