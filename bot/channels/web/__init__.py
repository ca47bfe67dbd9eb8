"""The web channel: the API that the plain page and the widget speak, and the page itself."""
