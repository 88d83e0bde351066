"""The imperative shell: everything that waits for the network, takes the time, or opens a transaction."""
