"""What tests share: which account, and which way to run the tap, a test should take.

| To see | take | what it is |
|---|---|---|
| what a run brings, by its messages | `account` | the tap in this process, an account on a socket |
| what a fault does to one run or to several | `story` | the same in virtual time, all is checked |
| … where it matters how a connection ends | `on_socket` | the tap here, a socket that breaks |
| what a fault does to one request | `served` | a client, and an account on a socket |
| … and an answer that no account gives | `scripted` | a client, and answers by hand |
| what the local Mailjet answers | `backend` | an account without socket; its clock is in the hand |
| how a command ends, and what it logs | `command` | the command line in this process |
| … as users see it: exit code, lines, log | `program` | a process of its own |
| … by a signal, a kill, a full disk | `KilledAccount` in `test_killed.py` | the same |
| what a row or a cell of a CSV becomes | `csv_text` | the reader alone, and a text |
| what the tap writes of a whole CSV | `exported` | the tap here, a file behind a socket |
| what is read when, over months | `journey` | the plan and the state alone, without files |
| what arrives in a warehouse | `pipeline` | the real Meltano, and Postgres |
| … under a scheduler | `scheduled` | the same, and what a scheduler needs |
| what Snowflake makes of it | `fake_snowflake` | the real target, and an emulator |
| what dbt package and report must say | `history` | a loaded table, its figures in Python |

`truth` says what the tap has to make of an account, and `blocks` finds the code in a page.
"""
