"""Everything that the Singer SDK keeps private, in one room.

Base classes for the tap and its stream, the command line, stream maps, and the schema of
`batch_config`. Each hook says which trap it closes, the version of the SDK in which that was seen,
and the test that breaks if the SDK changes. Nothing outside of this folder names anything that the
SDK keeps private (`tests/test_sdk.py::test_private_names_of_the_sdk_stand_in_one_room`).
"""
