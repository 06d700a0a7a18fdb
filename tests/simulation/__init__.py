"""Whole lives of the production machine in virtual time, with seeded faults, and an auditor that reads only what is outside of it."""
