using System.Net;
using AkkaCharging.AddressPolicy;

namespace AkkaCharging.Tests.AddressPolicy;

[Trait("Category", "Component")]
public sealed class AbsoluteLookupTests : IDisposable
{
    private static readonly IPAddress[] Answer = [IPAddress.Parse("93.184.216.34")];
    private readonly string _hosts = Path.GetTempFileName();
    private readonly List<string> _asked = [];

    public void Dispose() => File.Delete(_hosts);

    [Fact]
    public void Name_IsAskedForAsAnAbsoluteOne()
    {
        var longest = string.Join('.', Enumerable.Repeat(new string('a', 63), 3)) + "." + new string('b', 61);

        Assert.Equal(Answer, Find("vault.prod"));
        Assert.Equal(Answer, Find(longest));

        Assert.Equal(253, longest.Length);
        Assert.Equal(["vault.prod.", longest + "."], _asked);
    }

    [Theory]
    [InlineData("192.0.2.7 hooks.example.com", "192.0.2.7")]
    [InlineData("\t192.0.2.7\tother.example.com  HOOKS.example.COM. # a remark", "192.0.2.7")]
    [InlineData(
        "192.0.2.7 hooks.example.com\n2001:db8::7 hooks.example.com\n192.0.2.7 hooks.example.com\r\n",
        "192.0.2.7,2001:db8::7"
    )]
    public void NameInTheHostsFile_HasItsAddresses_AndIsAskedForNowhere(string hosts, string addresses)
    {
        File.WriteAllText(_hosts, hosts);

        Assert.Equal(addresses.Split(',').Select(IPAddress.Parse), Find("hooks.example.com"));
        Assert.Empty(_asked);
    }

    [Theory]
    [InlineData("# 192.0.2.7 hooks.example.com")]
    [InlineData("192.0.2.7 # hooks.example.com")]
    [InlineData("192.0.2.7 a.hooks.example.com hooks.example.com.prod hooks.example.com..")]
    [InlineData("hooks.example.com 192.0.2.7")]
    [InlineData("192.0.2.700 hooks.example.com")]
    [InlineData("hooks.example.com")]
    [InlineData("")]
    public void LineThatDoesNotNameIt_IsNoEntry(string hosts)
    {
        File.WriteAllText(_hosts, hosts);

        Assert.Equal(Answer, Find("hooks.example.com"));
    }

    [Fact]
    public void HostsFile_IsReadAfresh_AndMayBeMissing()
    {
        Assert.Equal(Answer, Find("hooks.example.com"));
        File.WriteAllText(_hosts, "192.0.2.7 hooks.example.com\n");
        Assert.Equal([IPAddress.Parse("192.0.2.7")], Find("hooks.example.com"));
        File.WriteAllText(_hosts, "192.0.2.8 hooks.example.com\n");
        Assert.Equal([IPAddress.Parse("192.0.2.8")], Find("hooks.example.com"));
        File.Delete(_hosts);
        Assert.Equal(Answer, Find("hooks.example.com"));
    }

    [Theory]
    [InlineData(4_194_304, "192.0.2.7")]
    [InlineData(4_194_305, "93.184.216.34")]
    public void EntryBeyondTheBound_IsNotSeen(int size, string found)
    {
        const string Entry = "192.0.2.7 hooks.example.com\n";
        File.WriteAllText(_hosts, new string('#', size - Entry.Length - 1) + "\n" + Entry);

        Assert.Equal([IPAddress.Parse(found)], Find("hooks.example.com"));
    }

    [Fact]
    public void Device_IsNotReadFrom()
    {
        if (!OperatingSystem.IsWindows())
            Assert.Equal(Answer, new AbsoluteLookup("/dev/zero", Ask).Find("hooks.example.com"));
    }

    private IPAddress[] Find(string name) => new AbsoluteLookup(_hosts, Ask).Find(name);

    private IPAddress[] Ask(string name)
    {
        _asked.Add(name);
        return Answer;
    }
}
