"""What the questions about rights have in common: what has a policy, who is asked about, and text.

No API of its own: Policy Troubleshooter, Cloud Asset Inventory, the recommender and the commands
(`rempart why`, `who-can`, `what-can`, `review`) answer from here.
"""
