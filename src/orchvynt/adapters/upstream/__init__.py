"""HTTP/1.1 to providers: pooled connections, callbacks, bounded in every direction. It knows no model, no dialect and no policy."""
