"""Training under the host: sets of pictures, the node that trains a stylizer, what the page sees of it.

picture_set, train_stylizer (nodes); run (one training under the host); live, routes (for the page's panel).
"""
