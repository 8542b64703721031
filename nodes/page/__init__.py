"""What the page asks the server for: the weights panel's jobs and routes, the explorer's pictures and routes."""
