"""The API over plain HTTP, versioned and typed; knows nothing of Gradio or of the page."""
