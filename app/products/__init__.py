"""The products: one folder each, of one shape; named in FIVEBOX_PRODUCTS to be served."""
