"""What trainings minimize, each loss once, as its authors define it."""
