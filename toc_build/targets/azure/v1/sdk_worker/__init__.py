"""The other side of `client.py`: a program that runs azureml-core in an environment of its own.

It is started by its folder's path, with the interpreter of the tools environment, and lives for one command.
Standard library and azureml only: nothing else of toc-build can be imported there, and it may be older than
3.10 in nothing. Requests come and answers go as JSON lines on two private descriptors; whatever the SDK
prints goes to the log file that standard output and error are.
"""
