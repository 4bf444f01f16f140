"""From application to award: pots shared in rounds, vouchers, grants, what comes back and who waits for it."""
