"""A world without a network, a clock or a disk, in which the production code carries invocations against scripted providers."""
