"""gunicorn's configuration file for a replica: loaded by gunicorn, inside the scoring environment.

As Azure runs it: one sync worker, no other setting. The control socket of newer gunicorns is off, because a
main process whose worker did not boot waits for it for ever.
"""

control_socket_disable = True
