"""The simulated account: images, droplets, actions, and the effects of time."""
