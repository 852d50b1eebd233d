"""Scores the pipeline on questions with known answers; knows no configuration and no command line."""
