"""Real hosts on one machine: Debian with systemd, an address of its own, ssh and a firewall."""
