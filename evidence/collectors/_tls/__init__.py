"""The parts of the TLS collector: what is sent, what comes back, what certificates say, what a policy makes of it.

Pure: `suites`, `hello`, `flight`, `certificates`, `names`, `facts`, `judge`. Reads a file of this package: `policy`.
Speaks to the network: `dial`, `starttls`, `probe`.
"""
