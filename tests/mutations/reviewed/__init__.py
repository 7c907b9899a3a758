"""The reviewed list, by room: the node's own namespace, the pods' namespaces, the datastore, the trials."""

from tests.mutations.reviewed import datastore, hosts, pods, trials

ENTRIES = (*hosts.ENTRIES, *pods.ENTRIES, *datastore.ENTRIES, *trials.ENTRIES)
