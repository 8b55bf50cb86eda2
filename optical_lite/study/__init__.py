"""Study: the systems that are compared, the queue that runs them, their records, and the pages made of them.

Published numbers, the ledger of claims, the numbers of the prose, and the checks that keep text and records equal.
"""
