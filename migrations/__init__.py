"""Schema migrations, newest last by the date in the file name. Each runs in one transaction."""
