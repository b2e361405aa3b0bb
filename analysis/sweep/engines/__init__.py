"""Ways to run one network over all images: each takes folded weights and predicts. One file each.

`choose` measures which of those at hand is the fastest and exact; `analysis.sweep.run.engine` drives the chosen
one.
"""
