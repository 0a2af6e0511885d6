using System.Text;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Acl;
using AkkaCharging.Pipeline.Stages;
using BenchmarkDotNet.Attributes;

namespace AkkaCharging.Micro;

/// <summary>A look-up in the access list, and the throttle in front of it.</summary>
[MemoryDiagnoser]
[ShortRunJob]
public class DecisionBenchmarks
{
    private const int Queries = 1_024;
    private readonly TokenBucket _bucket = new(perSecond: 1e9, burst: 1e6, TimeProvider.System);
    private AclRules _rules = null!;
    private AuthorizationQuery[] _queries = [];
    private DateTimeOffset _now;
    private int _turn;

    [Params(1_000, 1_000_000)]
    public int Rules { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        using var csv = new MemoryStream();
        using (var writer = new StreamWriter(csv, Encoding.ASCII, leaveOpen: true))
        {
            writer.WriteLine("token,stations,valid_from,valid_until,state");
            for (var i = 0; i < Rules; i++)
                writer.WriteLine($"{Some.Token(i)},*,,,active");
        }

        csv.Position = 0;
        _rules = AclRules.Read(csv, "micro");
        _now = TimeProvider.System.GetUtcNow();
        var random = new Random(1);
        _queries =
        [
            .. Enumerable
                .Range(0, Queries)
                .Select(_ => Some.Request(random.Next(Rules)))
                .Select(request => new AuthorizationQuery(request.Id, request.Station, request.Token)),
        ];
    }

    [Benchmark]
    public AuthorizerAnswer LookUp() => _rules.Decide(_queries[_turn++ % Queries], _now);

    [Benchmark]
    public double TakeToken() => _bucket.Reserve(_bucket.Now);
}
