"""Where things are in the healthy clusters: A0 and A1 are pods of node1, BLOCK1 its block, LINK the host end of A0."""

A0, A1, LINK, LINK1 = "default/a0", "default/a1", "cali8161413a3fb", "cali5cce677186e"
B0, LINK_B0 = "default/b0", "cali9677348bbdc"
IP, IP1, IP6 = "10.48.202.64", "10.48.202.65", "fd00:48::d7:ca40"  # A0's, A1's; with a tunnel the first is the tunnel's
SINGLE = "10.48.95.41"  # A0's in single-addresses, a block by itself
BLOCK1, BLOCK2, BLOCK3 = "10.48.202.64/26", "10.48.165.64/26", "10.48.106.192/26"
EMPTY = "10.48.77.0/26"  # a prefix of the pool that is no block
NODE1, NODE2, NODE3 = "10.0.0.11", "10.0.0.12", "10.0.0.13"  # the nodes' addresses in one subnet
RACK1, RACK2, RACK3 = "10.0.1.11", "10.0.1.12", "10.0.2.13"  # and in two racks
VTEP2, VTEP3 = "10.48.165.64", "10.48.106.192"
MAC2, MAC3 = "66:2d:bf:44:a6:8b", "66:a4:6f:e0:c4:da"  # of vxlan.calico
OTHER_MAC = "02:00:00:00:00:07"
V4, V6 = "0.0.0.0/0", "::/0"
HOST_LL = "fe80::ecee:eeff:feee:eeee"
