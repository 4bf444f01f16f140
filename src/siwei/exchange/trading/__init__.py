"""The life of a deal: offered, agreed, delivered, metered, settled, disputed; and what of it is due."""
