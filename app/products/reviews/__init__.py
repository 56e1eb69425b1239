"""Reviews: books, what people think of them, and what else one might like."""
