"""``airflow meetings …``: what the operators of `operators.landings` do, for a shell."""
