"""What ships for tests of agents and policies: the scripted provider as a class and as a pytest fixture."""
