"""The demonstration: a made-up phone maker, its own loopback services, and a year of evidence really collected."""
