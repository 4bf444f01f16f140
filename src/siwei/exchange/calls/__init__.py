"""Calls of models: who may call, what is held, where models are served."""
