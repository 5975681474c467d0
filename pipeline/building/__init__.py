"""From raw data to products: plain functions, without Luigi."""
