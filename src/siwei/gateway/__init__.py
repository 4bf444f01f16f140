"""The gateway: models of many providers behind one address in the OpenAI protocol, each call metered and paid for.

A process of its own beside the portal, sharing its database (docs/design/gateway.md).
"""
