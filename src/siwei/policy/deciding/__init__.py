"""Programmes decided over files, partitions, and rows that a program sends."""
