"""What tests share: data that is made, servers that are started, places."""
