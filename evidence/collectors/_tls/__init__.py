"""The parts of the TLS collector: what is sent, what comes back, what certificates say, what a policy makes of it.

Pure: `suites`, `hello`, `flight`, `http`, `certificates`, `signatures`, `status`, `names`, `facts`, `rules`, `judge`.
Reads files of policies: `policy`. Speaks to the network: `engine`, `wire`, `dial`, `session`, `starttls`, `probe`.
"""
