"""The user's own traceback out of the server's output."""

from __future__ import annotations

from pathlib import Path

from toc_build.targets.local.tracebacks import Place, find_stack, find_traceback

CODE = Path("/bundles/1/code")
CHAINED = """\
2026-11-23 23:09:55,010 E [26569] azmlinfsrv - Encountered Exception Traceback (most recent call last):
  File "/env/azureml_inference_server_http/server/user_script.py", line 122, in invoke_init
    self._user_init()
  File "/bundles/1/code/score.py", line 5, in init
    load()
    ~~~~^^
  File "/bundles/1/code/detector.py", line 2, in load
    return native.read()
  File "/env/native.py", line 9, in read
    raise OSError
OSError: bad magic
in two lines

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/env/azureml_inference_server_http/server/user_script.py", line 122, in invoke_init
    self._user_init()
  File "/bundles/1/code/score.py", line 7, in init
    raise ValueError("bad weights")
ValueError: bad weights

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/env/azureml_inference_server_http/server/aml_blueprint.py", line 110, in setup
    self.user_script.invoke_init()
azureml_inference_server_http.server.user_script.UserScriptException: Caught an unhandled exception

2026-11-23 23:09:55,011 I [26569] azmlinfsrv - Model Directory Contents:
"""


def test_the_users_chain_is_kept_and_the_servers_frames_are_not() -> None:
    found = find_traceback(["starting", *CHAINED.splitlines()], CODE)
    assert found is not None
    assert found.message == "ValueError: bad weights"
    assert found.place == Place("/bundles/1/code/score.py", 7)
    assert found.phase == "init"
    assert found.text == (
        "Traceback (most recent call last):\n"
        '  File "/bundles/1/code/score.py", line 5, in init\n'
        "    load()\n    ~~~~^^\n"
        '  File "/bundles/1/code/detector.py", line 2, in load\n'
        "    return native.read()\n"
        '  File "/env/native.py", line 9, in read\n'
        "    raise OSError\n"
        "OSError: bad magic\nin two lines\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n"
        '  File "/bundles/1/code/score.py", line 7, in init\n'
        '    raise ValueError("bad weights")\n'
        "ValueError: bad weights"
    )


def test_a_traceback_that_a_script_only_logs_is_not_the_cause() -> None:
    logged = (
        'Traceback (most recent call last):\n  File "/bundles/1/code/score.py", line 1, in f\nKeyError: 1'
    )
    found = find_traceback([*logged.splitlines(), *CHAINED.splitlines()], CODE)
    assert found is not None
    assert found.message == "ValueError: bad weights"
    assert find_traceback(logged.splitlines(), CODE) is None


def test_a_place_in_a_library_when_the_users_code_is_in_the_chain_only() -> None:
    text = CHAINED.replace('/bundles/1/code/score.py", line 7', '/env/other.py", line 7')
    found = find_traceback(text.splitlines(), CODE)
    assert found is not None
    assert found.place == Place("/bundles/1/code/detector.py", 2)


def test_the_stack_of_the_thread_that_runs_the_users_code() -> None:
    text = (
        "Timeout (0:00:05)!\n"
        "Thread 0x01 (most recent call first):\n"
        '  File "/usr/threading.py", line 300 in wait\n'
        "\n"
        "Thread 0x02 (most recent call first):\n"
        '  File "/env/requests.py", line 8 in get\n'
        '  File "/bundles/1/code/detector.py", line 4 in load\n'
        '  File "/bundles/1/code/score.py", line 9 in init\n'
        '  File "/env/azureml_inference_server_http/server/user_script.py", line 122 in invoke_init\n'
    )
    assert find_stack(text.splitlines(), CODE) == (
        "Stack (most recent call last):\n"
        '  File "/bundles/1/code/score.py", line 9, in init\n'
        '  File "/bundles/1/code/detector.py", line 4, in load\n'
        '  File "/env/requests.py", line 8, in get',
        Place("/bundles/1/code/detector.py", 4),
    )
    assert find_stack(["nothing"], CODE) is None
