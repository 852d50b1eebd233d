"""The command line: thin commands over the collection and the pipeline; knows nothing of the web page."""
