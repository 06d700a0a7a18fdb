"""Tests of the scripted provider: its parts, and the whole process over real sockets."""
