"""Serving a model to many callers in the OpenAI protocol: what a centre runs and the gateway calls."""
