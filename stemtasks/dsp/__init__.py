"""Signal processing on arrays: no files, no paths; standards and papers cited."""
