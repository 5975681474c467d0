"""Where each source has the datasets of the catalogue; see `source_maps`."""
