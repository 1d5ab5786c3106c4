"""The rehearsal: Azure on loopback. The genuine SDK deploys to it, and a real scorer starts.

domain     what the cloud holds and refuses, on disk; knows no API
wire       the APIs, projected onto the domain; `wire.v1` is azureml-core's
scorers    real scorers: environment, folder, processes
server     one process that serves all of it; `process` starts and finds it
run        runs a command signed in to it
"""
