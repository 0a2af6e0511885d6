using System.Net;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Networks;

namespace AkkaCharging.Tests.AddressPolicy;

[Trait("Category", "Unit")]
public sealed class CheckAddressTests
{
    // First and last address of each network; where a public address touches it, also the one below and the one above
    // ("" where none does).
    [Theory]
    [InlineData("", "0.0.0.0", "0.255.255.255", "1.0.0.0", RefusalReason.ThisNetwork)]
    [InlineData("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", RefusalReason.Private)]
    [InlineData("100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0", RefusalReason.SharedSpace)]
    [InlineData("126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", RefusalReason.Loopback)]
    [InlineData("169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0", RefusalReason.LinkLocal)]
    [InlineData("172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", RefusalReason.Private)]
    [InlineData("191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0", RefusalReason.ProtocolAssignment)]
    [InlineData("192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0", RefusalReason.Documentation)]
    [InlineData("192.31.195.255", "192.31.196.0", "192.31.196.255", "192.31.197.0", RefusalReason.Anycast)]
    [InlineData("192.52.192.255", "192.52.193.0", "192.52.193.255", "192.52.194.0", RefusalReason.Anycast)]
    [InlineData("192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0", RefusalReason.Anycast)]
    [InlineData("192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0", RefusalReason.Private)]
    [InlineData("192.175.47.255", "192.175.48.0", "192.175.48.255", "192.175.49.0", RefusalReason.Anycast)]
    [InlineData("198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0", RefusalReason.Benchmarking)]
    [InlineData("198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0", RefusalReason.Documentation)]
    [InlineData("203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0", RefusalReason.Documentation)]
    [InlineData("223.255.255.255", "224.0.0.0", "239.255.255.255", "", RefusalReason.Multicast)]
    [InlineData("", "240.0.0.0", "255.255.255.255", "", RefusalReason.Reserved)]
    [InlineData("168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17", RefusalReason.Metadata)]
    [InlineData("", "100.100.100.200", "100.100.100.200", "", RefusalReason.Metadata)]
    [InlineData("", "192.0.0.192", "192.0.0.192", "", RefusalReason.Metadata)]
    [InlineData("", "169.254.169.254", "169.254.169.254", "", RefusalReason.Metadata)]
    [InlineData("", "::1", "::1", "", RefusalReason.Loopback)]
    [InlineData("", "::", "::", "", RefusalReason.ThisNetwork)]
    [InlineData("", "::2", "::ffff:ffff", "", RefusalReason.EmbedsIPv4)]
    [InlineData("", "::1:0:0", "::fffe:ffff:ffff", "", RefusalReason.NotGlobalUnicast)]
    [InlineData("", "::ffff:0:0", "::ffff:ffff:ffff", "", RefusalReason.EmbedsIPv4)]
    [InlineData("", "::1:0:0:0", "::fffe:ffff:ffff:ffff", "", RefusalReason.NotGlobalUnicast)]
    [InlineData("", "::ffff:0:0:0", "::ffff:0:ffff:ffff", "", RefusalReason.EmbedsIPv4)]
    [InlineData("", "::ffff:1:0:0", "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", "", RefusalReason.NotGlobalUnicast)]
    [InlineData("", "64:ff9b::", "64:ff9b::ffff:ffff", "", RefusalReason.EmbedsIPv4)]
    [InlineData("", "64:ff9b::1:0:0", "64:ff9b:0:ffff:ffff:ffff:ffff:ffff", "", RefusalReason.NotGlobalUnicast)]
    [InlineData("", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "", RefusalReason.EmbedsIPv4)]
    [InlineData("", "64:ff9b:2::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::", RefusalReason.NotGlobalUnicast)]
    [InlineData(
        "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001::",
        "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
        "",
        RefusalReason.EmbedsIPv4
    )]
    [InlineData(
        "",
        "2001:1::",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:200::",
        RefusalReason.ProtocolAssignment
    )]
    [InlineData(
        "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db9::",
        RefusalReason.Documentation
    )]
    [InlineData(
        "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2002::",
        "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2003::",
        RefusalReason.EmbedsIPv4
    )]
    [InlineData(
        "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff",
        "2620:4f:8000::",
        "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
        "2620:4f:8001::",
        RefusalReason.Anycast
    )]
    [InlineData(
        "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff::",
        "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff:1000::",
        RefusalReason.Documentation
    )]
    [InlineData(
        "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "4000::",
        "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "",
        RefusalReason.NotGlobalUnicast
    )]
    [InlineData("", "100::", "100::1:ffff:ffff:ffff:ffff", "", RefusalReason.NotGlobalUnicast)]
    [InlineData("", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", RefusalReason.NotGlobalUnicast)]
    [InlineData("", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", RefusalReason.Private)]
    [InlineData("", "fe00::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", RefusalReason.NotGlobalUnicast)]
    [InlineData("", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", RefusalReason.LinkLocal)]
    [InlineData("", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", RefusalReason.Private)]
    [InlineData("", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", RefusalReason.Multicast)]
    [InlineData("", "fd00:ec2::254", "fd00:ec2::254", "", RefusalReason.Metadata)]
    [InlineData("", "fd20:ce::254", "fd20:ce::254", "", RefusalReason.Metadata)]
    public void NetworkBoundaries_AreExact(string below, string first, string last, string above, object reason)
    {
        Assert.Equal((RefusalReason)reason, Check(first).Reason);
        Assert.Equal((RefusalReason)reason, Check(last).Reason);
        foreach (var outside in new[] { below, above }.Where(address => address.Length > 0))
            Assert.True(Check(outside).IsAllowed, outside);
    }

    [Theory]
    [InlineData("2606:4700::5efe:808:808", false)]
    [InlineData("2606:4700::200:5efe:808:808", false)]
    [InlineData("2606:4700::100:5efe:808:808", false)]
    [InlineData("2606:4700::300:5efe:808:808", false)]
    [InlineData("fe80::5efe:808:808", false)]
    [InlineData("2606:4700::400:5efe:808:808", true)]
    [InlineData("2606:4700::201:5efe:808:808", true)]
    [InlineData("2606:4700::5eff:808:808", true)]
    [InlineData("2606:4700::5ffe:808:808", true)]
    public void IsatapInterfaceId_IsRefused_UnderAnyPrefix(string address, bool allowed) =>
        Assert.Equal(allowed, Check(address).IsAllowed);

    [Fact]
    public void Zone_IsRefused() => Assert.Equal(RefusalReason.NotGlobalUnicast, Check("2606:4700::1%2").Reason);

    [Theory]
    [InlineData("64:ff9b::8.8.8.8", null)]
    [InlineData("64:ff9b::127.0.0.1", RefusalReason.Loopback)]
    [InlineData("64:ff9b::169.254.169.254", RefusalReason.Metadata)]
    [InlineData("64:ff9b::", RefusalReason.ThisNetwork)]
    [InlineData("64:ff9b:1::8.8.8.8", RefusalReason.EmbedsIPv4)]
    [InlineData("::ffff:8.8.8.8", RefusalReason.EmbedsIPv4)]
    [InlineData("2002:808:808::", RefusalReason.EmbedsIPv4)]
    public void Nat64_LooksInsideTheWellKnownPrefixOnly(string address, object? reason) =>
        Assert.Equal((RefusalReason?)reason, Policies.Nat64.CheckAddress(IPAddress.Parse(address)).Reason);

    [Theory]
    [InlineData("10.0.0.0/8", "10.1.2.3", true)]
    [InlineData("10.0.0.0/8", "11.1.2.3", true)]
    [InlineData("10.0.0.0/8", "192.168.0.1", false)]
    [InlineData("fd00::/8", "fd12::1", true)]
    [InlineData("fc00::/7", "fd00:ec2::254", false)]
    [InlineData("fd00:ec2::254/128", "fd00:ec2::254", true)]
    [InlineData("127.0.0.0/8", "127.0.0.1", false)]
    [InlineData("127.0.0.0/31", "127.0.0.1", false)]
    [InlineData("127.0.0.1/32", "127.0.0.1", true)]
    [InlineData("127.0.0.1/32", "127.0.0.2", false)]
    [InlineData("0.0.0.0/0", "127.0.0.1", false)]
    [InlineData("0.0.0.0/0", "0.0.0.0", false)]
    [InlineData("0.0.0.0/0", "169.254.169.254", false)]
    [InlineData("0.0.0.0/0", "168.63.129.16", false)]
    [InlineData("169.254.0.0/16", "169.254.42.42", false)]
    [InlineData("100.64.0.0/10", "100.100.100.200", false)]
    [InlineData("100.64.0.0/10", "100.100.100.201", true)]
    [InlineData("169.254.169.254/32", "169.254.169.254", true)]
    [InlineData("::/0", "::1", false)]
    [InlineData("::1/128", "::1", true)]
    [InlineData("::/0", "fe80::1", false)]
    [InlineData("::/0", "::ffff:127.0.0.1", false)]
    [InlineData("::ffff:127.0.0.1/128", "::ffff:127.0.0.1", false)]
    [InlineData("127.0.0.1/32", "::ffff:127.0.0.1", false)]
    [InlineData("10.0.0.0/8", "2002:a00:1::", false)]
    [InlineData("fd00::/8", "fd00::5efe:a00:1", false)]
    public void AllowEntry_LetsThrough_ExceptWhatNeedsAnEntryOfItsOwn(string network, string address, bool allowed) =>
        Assert.Equal(allowed, Policies.Allowing(network).CheckAddress(IPAddress.Parse(address)).IsAllowed);

    [Fact]
    public void DefaultVerdict_IsARefusal() => Assert.False(default(AddressVerdict).IsAllowed);

    private static AddressVerdict Check(string address) => Policies.Default.CheckAddress(IPAddress.Parse(address));
}
