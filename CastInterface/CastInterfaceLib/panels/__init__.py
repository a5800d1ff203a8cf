"""The sections of the panel of the module "Cast Interface".

Imports ``logic`` and what is below; only the module file imports it.
"""
