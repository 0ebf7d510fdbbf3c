"""The machine underneath: folders, secrets, Asterisk, Postgres, processes and who watches over them."""
