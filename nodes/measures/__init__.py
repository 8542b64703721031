"""Nodes that measure: pair, sets, rank (stylizers against one another) and report.

taking: which measures were asked for, one after another. sources: batches and folders. charts: tables, plots and figures.
"""
