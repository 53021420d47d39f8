"""The parts of the endpoint-ownership collector: names, domains, DNS chains and RDAP."""
