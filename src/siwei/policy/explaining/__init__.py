"""One decision in words: clauses, values, what bound the award, the nearest change, facts worth supplying."""
