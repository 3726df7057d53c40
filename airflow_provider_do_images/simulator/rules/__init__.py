"""The rules that the simulator follows, and the switches that change them."""
