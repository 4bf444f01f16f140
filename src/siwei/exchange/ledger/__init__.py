"""Double entry: accounts, transfers, holds; and whether all of it is still what its entries say."""
